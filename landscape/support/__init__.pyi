from ._archives import (
    ArrayHeader as ArrayHeader,
    array_header as array_header,
    digest as digest,
    read_array as read_array,
    read_arrays as read_arrays,
    stored_at as stored_at,
)
from ._compilation import (
    cache_directory as cache_directory,
    njit as njit,
)
from ._differences import (
    LOSS_SETTINGS as LOSS_SETTINGS,
    NOT_SETTINGS as NOT_SETTINGS,
    Difference as Difference,
    data_difference as data_difference,
    first_difference as first_difference,
    present_names as present_names,
)
from ._estimate import (
    Estimate as Estimate,
    in_numbers as in_numbers,
    stacked as stacked,
)
from ._files import (
    new_file as new_file,
)
from ._inlined import (
    fingerprint as fingerprint,
)
from ._json_text import (
    to_json as to_json,
    write_text as write_text,
)
from ._locks import (
    only_writer as only_writer,
)
from ._numbers import (
    check_positive as check_positive,
    parse_whole as parse_whole,
    whole_number as whole_number,
)
from ._randomness import (
    RNG as RNG,
    seed_of as seed_of,
)
from ._reading import (
    about as about,
    check_sqlite_file as check_sqlite_file,
    reading as reading,
    sqlite_failure as sqlite_failure,
)
from ._results import (
    Result as Result,
)
from ._stand_ins import (
    StandIn as StandIn,
)
from ._units import (
    labeled as labeled,
    with_unit as with_unit,
)
from ._versions import (
    package_version as package_version,
)
from ._workers import (
    check_jobs as check_jobs,
    one_thread as one_thread,
    run_tasks as run_tasks,
    shared as shared,
    worker_pool as worker_pool,
)
