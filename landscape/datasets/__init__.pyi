from ._dataset import (
    Dataset as Dataset,
    RegressionDataset as RegressionDataset,
)
from ._description import (
    ColumnDescription as ColumnDescription,
    TableDescription as TableDescription,
)
from ._fields import (
    Fields as Fields,
    read_fields as read_fields,
)
from ._frames import (
    SKLEARN as SKLEARN,
    maker_of as maker_of,
)
from ._fresh import (
    CHUNK as CHUNK,
    fresh_rows as fresh_rows,
    is_generated as is_generated,
)
from ._ljat import (
    ljat as ljat,
)
from ._loading import (
    MAKERS as MAKERS,
    load as load,
    reload as reload,
)
from ._mnist import (
    mnist as mnist,
)
from ._scales import (
    scale_warning as scale_warning,
    target_warning as target_warning,
)
from ._table import (
    describe_table as describe_table,
    sklearn_table as sklearn_table,
    table as table,
)
from ._teacher import (
    name_of_teacher as name_of_teacher,
    teacher as teacher,
    teacher_parameters as teacher_parameters,
)
from ._writing import (
    write_table as write_table,
)
