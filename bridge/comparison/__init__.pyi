from ._correlation import (
    FEWEST as FEWEST,
    RankCorrelation as RankCorrelation,
    rank_correlation as rank_correlation,
    rank_correlations as rank_correlations,
)
from ._minima_in_words import (
    at_least as at_least,
    how_many as how_many,
)
from ._rows import (
    CONTROL as CONTROL,
    LANDSCAPE as LANDSCAPE,
    RUNS as RUNS,
    Comparison as Comparison,
    ComparisonRow as ComparisonRow,
    compare as compare,
    compare_one as compare_one,
    row_dict as row_dict,
)
from ._tables import (
    check_table_path as check_table_path,
    write_comparison as write_comparison,
)
