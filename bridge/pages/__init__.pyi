from ._graph_page import (
    graph_page as graph_page,
)
from ._html import (
    figure_html as figure_html,
    page_html as page_html,
    slider_html as slider_html,
)
from ._panels import (
    GRAY as GRAY,
    NOWHERE as NOWHERE,
    Panel as Panel,
    finite_or_none as finite_or_none,
    panel_layout as panel_layout,
)
from ._tree import (
    AgeCounts as AgeCounts,
    tree_panel as tree_panel,
)
