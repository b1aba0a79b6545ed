from ._dataset import (
    Dataset as Dataset,
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
)
from ._table import (
    table as table,
    write_table as write_table,
)
