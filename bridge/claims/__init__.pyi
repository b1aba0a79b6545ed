from ._claim import (
    Claim as Claim,
    Contrast as Contrast,
    Finding as Finding,
    judge_claims as judge_claims,
)
from ._criteria import (
    Above as Above,
    Below as Below,
    Beyond as Beyond,
    Criterion as Criterion,
    Within as Within,
    realizations_interval as realizations_interval,
    runs_interval as runs_interval,
    verdict_of as verdict_of,
)
from ._making import (
    ClaimTable as ClaimTable,
    estimate_claims_seconds as estimate_claims_seconds,
    reproduce_claims as reproduce_claims,
)
from ._markdown import (
    claims_rows as claims_rows,
)
from ._registry import (
    CLAIMS as CLAIMS,
    chosen_claims as chosen_claims,
)
