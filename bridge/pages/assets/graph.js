"use strict";
/**
 * Disconnectivity graphs: which lines, minima and superbasins are drawn in a window, with some branches collapsed.
 *
 * Nodes of a tree are leaves first, and parents follow their children, as in landscape.graph.DisconnectivityTree. The
 * first trace of a panel has four points for each node: three of its line, and a gap.
 */
const agescapeGraph = (() => {
  const BRANCHES = 1000; // with lines of their own in a window; smaller ones are shaded
  const COLUMNS = 500; // of the shade, across the window
  const CROWDED = 300; // minima from which their circles are small
  const NEAR = 20; // minima on both sides of one that is looked for
  const GRAY = "#767676", INK = "#222222", VERMILION = "#d55e00", SHADE = "rgba(118,118,118,0.22)";
  const VIRIDIS = ["#440154", "#48186a", "#424086", "#33638d", "#26828e", "#1fa088", "#3fbc73", "#84d44b", "#d8e219", "#fde725"];
  const MINIMUM = { size: 5, color: "white", line: { color: INK, width: 1 } };

  /** Arrays by node, from a panel. */
  function treeOf(panel) {
    const { parents, lowest } = panel.tree, { x, y } = panel.data[0];
    const n = parents.length, leaves = panel.tree.ids.length;
    const sizes = new Array(n).fill(0).fill(1, 0, leaves), branch = new Array(leaves).fill(1);
    const at = parents.map((_, k) => x[4 * k + 1]), left = at.slice(), right = at.slice();
    for (let k = 0; k < n; k++) {
      branch[lowest[k]] = Math.max(branch[lowest[k]], sizes[k]);
      const up = parents[k];
      if (up < 0) continue;
      sizes[up] += sizes[k];
      left[up] = Math.min(left[up], left[k]);
      right[up] = Math.max(right[up], right[k]);
    }
    return { ...panel.tree, n, leaves, sizes, branch, at, left, right, lines: { x, y }, level: parents.map((_, k) => y[4 * k]) };
  }

  /** Of each node the highest collapsed one above it; -1: none. */
  function coversOf(tree, collapsed) {
    const covers = new Array(tree.n).fill(-1);
    for (let k = tree.n - 1; k >= 0; k--) {
      const up = tree.parents[k];
      if (up >= 0) covers[k] = covers[up] >= 0 ? covers[up] : collapsed.has(up) ? up : -1;
    }
    return covers;
  }

  /** Where a place is when every collapsed branch is as wide as a leaf. The intervals of branches are disjoint. */
  function squeezeOf(tree, collapsed, covers) {
    const gaps = [...collapsed].filter((k) => covers[k] < 0)
      .map((k) => [tree.left[k] - 0.5, tree.right[k] + 0.5]).sort((a, b) => a[0] - b[0]);
    return (x) => {
      let moved = 0;
      for (const [from, to] of gaps) {
        if (x <= from) break;
        moved += (Math.min(x, to) - from) * (1 - 1 / (to - from));
      }
      return x - moved;
    };
  }

  /** Smallest size of a branch for which there are at most so many. */
  function fewest(sizes, most) {
    if (sizes.length <= most) return 1;
    return sizes.sort((a, b) => b - a)[most] + 1;
  }

  /**
   * What is drawn between two places: branches (by leaf), nodes, superbasins where drawn lines join. A line goes on
   * through superbasins where no drawn one joins it, unless another group begins there; `ends` has the last of these.
   */
  function view(tree, collapsed, window, shared = null) {
    const covers = coversOf(tree, collapsed), squeeze = squeezeOf(tree, collapsed, covers);
    const seen = [], all = []; // branches that are not below a collapsed node
    const stands = new Array(tree.leaves).fill(false);
    for (let k = 0; k < tree.n; k++) if (covers[k] < 0) stands[tree.lowest[k]] = true;
    const at = tree.at.map((x) => squeeze(x));
    const inside = (leaf) => at[leaf] >= window[0] && at[leaf] <= window[1];
    for (let leaf = 0; leaf < tree.leaves; leaf++) {
      if (!stands[leaf] || tree.strip[leaf]) continue;
      all.push(tree.branch[leaf]);
      if (inside(leaf)) seen.push(tree.branch[leaf]);
    }
    const least = fewest(seen, BRANCHES), leastOfAll = Math.max(least, fewest(all, BRANCHES));
    const drawn = stands.map((is, leaf) => is && (
      leaf === 0 || tree.strip[leaf] || tree.branch[leaf] >= (inside(leaf) ? least : leastOfAll)));
    const nodes = [], children = new Array(tree.n).fill(0), begins = new Array(tree.n).fill(-1), ends = new Array(tree.n).fill(-1);
    for (let k = 0; k < tree.n; k++) {
      if (covers[k] >= 0 || !drawn[tree.lowest[k]]) continue;
      const up = tree.parents[k];
      const passed = k >= tree.leaves && children[k] === 1 && begins[k] >= 0 && !tree.strip[k] && tree.certified[k]
        && (!shared || shared[k] === shared[begins[k]]);
      const begin = passed ? begins[k] : k;
      if (!passed) nodes.push(k);
      ends[begin] = k;
      if (up < 0) continue;
      children[up]++;
      if (tree.lowest[up] === tree.lowest[k] && tree.certified[k]) begins[up] = begin;
    }
    const joins = nodes.filter((k) => k >= tree.leaves && !tree.strip[k] && (children[k] > 1 || collapsed.has(k)));
    return { covers, squeeze, at, least, drawn, nodes, ends, joins, inside };
  }

  /** Points of the lines of nodes, with gaps between them. */
  function linesOf(tree, seen, nodes) {
    const x = [], y = [];
    for (const k of nodes) {
      const from = 4 * k, to = 4 * seen.ends[k]; // upright above the node, and over where the line ends
      x.push(seen.squeeze(tree.lines.x[from]), seen.squeeze(tree.lines.x[from + 1]), seen.squeeze(tree.lines.x[to + 2]), null);
      y.push(tree.lines.y[from], tree.lines.y[to + 1], tree.lines.y[to + 2], null);
    }
    return { x, y };
  }

  /** The branches in the window that have no lines, as one path: from their minima to where they join what is drawn. */
  function shadeOf(tree, seen, window) {
    const width = (window[1] - window[0]) / COLUMNS, columns = new Map();
    for (let leaf = 0; leaf < tree.leaves; leaf++) {
      if (seen.covers[leaf] >= 0 || seen.drawn[leaf] || !seen.inside(leaf)) continue;
      let up = leaf;
      while (tree.parents[up] >= 0 && !seen.drawn[tree.lowest[up]]) up = tree.parents[up];
      const k = Math.floor((seen.at[leaf] - window[0]) / width), column = columns.get(k);
      const low = tree.level[leaf], high = tree.level[up];
      columns.set(k, column ? [Math.min(low, column[0]), Math.max(high, column[1])] : [low, high]);
    }
    return [...columns].map(([k, [low, high]]) => {
      const from = window[0] + k * width, to = from + width;
      return `M${from},${low}L${from},${high}L${to},${high}L${to},${low}Z`;
    }).join("");
  }

  /** Group that all leaves below each node share; -1: none. */
  function sharedGroups(tree, groups) {
    const shared = new Array(tree.n).fill(null);
    for (let k = 0; k < tree.n; k++) {
      if (k < tree.leaves) shared[k] = groups[k];
      const up = tree.parents[k];
      if (up >= 0) shared[up] = shared[up] === null || shared[up] === shared[k] ? shared[k] : -1;
    }
    return shared;
  }

  /** Runs in each minimum, or in the collapsed branch that holds it, most first. */
  function litOf(tree, seen, counts) {
    const places = new Map();
    counts.forEach((number, leaf) => {
      if (!number) return;
      const place = seen.covers[leaf] >= 0 ? seen.covers[leaf] : leaf;
      places.set(place, (places.get(place) ?? 0) + number);
    });
    const lit = [...places].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const { smallest, largest, runs } = tree.disks;
    const size = ([, number]) => Math.sqrt(smallest ** 2 + (largest ** 2 - smallest ** 2) * number / Math.max(runs, 1));
    return {
      x: lit.map(([k]) => seen.at[k]), y: lit.map(([k]) => tree.level[k]),
      customdata: lit.map(([k]) => tree.ids[tree.lowest[k]]), size: lit.map(size),
    };
  }

  /** The color at a place from 0 to 1 of the scale. */
  function colorAt(place) {
    const at = Math.min(Math.max(place, 0), 1) * (VIRIDIS.length - 1), k = Math.min(Math.floor(at), VIRIDIS.length - 2);
    const part = (color, j) => parseInt(color.slice(2 * j + 1, 2 * j + 3), 16);
    const mixed = (j) => Math.round(part(VIRIDIS[k], j) + (at - k) * (part(VIRIDIS[k + 1], j) - part(VIRIDIS[k], j)));
    return `rgb(${mixed(0)},${mixed(1)},${mixed(2)})`;
  }

  /** Colors of minima by a column, white where it has no value, and what draws the bar beside the graph. */
  function colorsBy(column, leaves) {
    if (column.groups) return { colors: leaves.map((k) => (column.groups[k] < 0 ? "white" : column.colors[column.groups[k]])) };
    const usable = column.values.filter((v) => v !== null && (!column.logarithmic || v > 0));
    const low = usable.reduce((a, b) => Math.min(a, b), Infinity), high = usable.reduce((a, b) => Math.max(a, b), -Infinity), log = column.logarithmic && high > 5 * low;
    const scaled = (v) => (v === null || (log && v <= 0) ? null : log ? Math.log10(v) : v);
    const [from, to] = [scaled(low), scaled(high)];
    const color = (v) => (v === null ? "white" : colorAt(to > from ? (v - from) / (to - from) : 0.5));
    const bar = { title: { text: column.label, side: "right" }, thickness: 12, outlinewidth: 0 };
    if (log) {
      const ticks = [];
      for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
        for (const m of [1, 2, 5]) if (m * 10 ** power >= low && m * 10 ** power <= high) ticks.push(m * 10 ** power);
      }
      Object.assign(bar, { tickvals: ticks.map(Math.log10), ticktext: ticks.map((t) => t.toLocaleString("en", { maximumSignificantDigits: 2 })) });
    }
    const scale = VIRIDIS.map((c, k) => [k / (VIRIDIS.length - 1), c]);
    const trace = {
      x: [null], y: [null], type: "scatter", mode: "markers", hoverinfo: "skip", showlegend: false,
      marker: { color: [from], cmin: from, cmax: to, colorscale: scale, colorbar: bar, showscale: true },
    };
    return { colors: leaves.map((k) => color(scaled(column.values[k]))), bar: usable.length && to > from ? trace : null };
  }

  /** All traces, and the shade, for a state: collapsed nodes, window, color, counts, found leaf. */
  function picture(panel, tree, state) {
    const column = state.color === null ? null : tree.columns[state.color];
    const shared = column?.groups ? sharedGroups(tree, column.groups) : null;
    const seen = view(tree, state.collapsed, state.window, shared);
    const leaves = seen.nodes.filter((k) => k < tree.leaves);
    const certified = seen.nodes.filter((k) => tree.certified[k]), bounds = seen.nodes.filter((k) => !tree.certified[k]);
    const plain = shared ? certified.filter((k) => shared[k] < 0) : certified;
    const [lines, minima, lit] = panel.data, painted = column ? colorsBy(column, leaves) : null;
    const small = leaves.length > CROWDED ? 4 : 5;
    const traces = [{ ...lines, ...linesOf(tree, seen, plain) }];
    if (shared) {
      column.names.forEach((name, g) => {
        const own = certified.filter((k) => shared[k] === g);
        traces.push({
          ...lines, ...linesOf(tree, seen, own), line: { ...lines.line, color: column.colors[g], width: lines.line.width + 0.5 },
          name, showlegend: true,
        });
      });
    }
    traces.push({
      ...minima, x: leaves.map((k) => seen.at[k]), y: leaves.map((k) => tree.level[k]),
      text: leaves.map((k) => minima.text[k]), customdata: leaves.map((k) => state.counts?.[k] ?? 0),
      marker: { ...MINIMUM, ...(painted ? { size: small + 2, color: painted.colors } : { size: small }) },
      showlegend: !shared,
    });
    if (lit) {
      const { size, ...disks } = litOf(tree, seen, state.counts ?? []);
      const color = shared ? INK : lit.marker.color; // a group may have this color
      traces.push({ ...lit, ...disks, marker: { ...lit.marker, size, color } });
    }
    traces.push({
      x: seen.joins.map((k) => seen.at[k]), y: seen.joins.map((k) => tree.level[k]), mode: "markers", type: "scatter",
      name: "superbasin", showlegend: false, customdata: seen.joins.map((k) => ({ node: k })),
      marker: {
        symbol: seen.joins.map((k) => (state.collapsed.has(k) ? "triangle-up" : "circle")),
        size: seen.joins.map((k) => (state.collapsed.has(k) ? 13 : 5)), color: GRAY,
        opacity: seen.joins.map((k) => (state.collapsed.has(k) ? 1 : 0.45)),
      },
      text: seen.joins.map((k) => superbasinText(tree, k, state.collapsed.has(k))),
      hovertemplate: "%{text}<extra></extra>",
    });
    const labeled = [...tree.marked, ...(state.found === null ? [] : [state.found])].filter((k) => seen.covers[k] < 0);
    traces.push({
      x: labeled.map((k) => seen.at[k]), y: labeled.map((k) => tree.level[k]), mode: "markers+text", type: "scatter",
      text: labeled.map((k) => String(tree.ids[k])), textposition: "bottom center", hoverinfo: "skip",
      showlegend: false, cliponaxis: false,
      marker: {
        symbol: "circle-open", size: labeled.map((k) => (k === state.found ? 16 : 9)),
        color: labeled.map((k) => (k === state.found ? VERMILION : INK)), line: { width: 2 },
      },
    });
    if (bounds.length) {
      const line = { ...lines.line, dash: "dash" };
      traces.push({ ...lines, ...linesOf(tree, seen, bounds), line, name: "upper bound, not certified", showlegend: true });
    }
    if (painted?.bar) traces.push(painted.bar);
    const path = shadeOf(tree, seen, state.window);
    const shapes = path ? [{ type: "path", path, fillcolor: SHADE, line: { width: 0 }, layer: "below" }] : [];
    return { traces, shapes, seen };
  }

  function superbasinText(tree, k, isCollapsed) {
    const leaf = tree.lowest[k];
    return `superbasin of ${tree.sizes[k].toLocaleString("en")} minima<br>forms at ${tree.level[k].toPrecision(6)}<br>`
      + `lowest: minimum ${tree.ids[leaf]} at ${tree.level[leaf].toPrecision(6)}<br>`
      + `click to ${isCollapsed ? "expand" : "collapse"} it`;
  }

  /** The window of the whole graph, with the margins of tree_panel. */
  function wholeOf(tree, collapsed) {
    const right = tree.at.map(squeezeOf(tree, collapsed, coversOf(tree, collapsed))).reduce((a, b) => Math.max(a, b));
    const side = 0.02 * right + 0.5;
    return [-side, right + side];
  }

  /** The nodes that stay collapsed so that a leaf is seen. */
  function opened(tree, collapsed, leaf) {
    const left = new Set(collapsed);
    for (let k = leaf; k >= 0; k = tree.parents[k]) left.delete(k);
    return left;
  }

  /** A window around a leaf. */
  function windowAround(tree, collapsed, leaf) {
    const [low, high] = wholeOf(tree, collapsed);
    const at = squeezeOf(tree, collapsed, coversOf(tree, collapsed))(tree.at[leaf]);
    return high - low <= 2 * NEAR ? [low, high] : [at - NEAR, at + NEAR];
  }

  /** Losses around a leaf: from the lowest minimum in a window to above where the leaf's branch joins another. */
  function lossesAround(panel, tree, collapsed, leaf, window) {
    const seen = view(tree, collapsed, window), [low, high] = panel.layout.yaxis.range;
    let top = leaf;
    while (tree.parents[top] >= 0 && tree.lowest[top] === leaf) top = tree.parents[top];
    const levels = seen.nodes.filter((k) => k < tree.leaves && seen.inside(k)).map((k) => tree.level[k]);
    const bottom = Math.min(...levels, tree.level[leaf]), height = tree.level[top] - bottom;
    return [Math.max(low, bottom - 0.15 * height), Math.min(high, tree.level[top] + 0.3 * height)];
  }

  /** Draw a panel into its place and listen to the reader. Returns what shows an age. */
  function draw(panel, plot, layout, config) {
    const tree = treeOf(panel), controls = document.getElementById(`${panel.id}-controls`);
    const said = document.getElementById(`${panel.id}-said`);
    const state = { collapsed: new Set(), window: panel.layout.xaxis.range.slice(), color: null, counts: null, found: null };
    const chosen = controls.elements.color;

    function redraw() {
      const { traces, shapes, seen } = picture(panel, tree, state);
      const more = seen.least > 1 ? `Shaded: branches of fewer than ${seen.least} minima; zoom in to see their lines.` : "";
      said.textContent = state.message || more;
      controls.elements.expand.disabled = state.collapsed.size === 0;
      const bound = plot.layout ?? structuredClone(layout);
      const xaxis = { ...bound.xaxis, range: state.window.slice(), autorange: false };
      return Plotly.react(plot, traces, { ...bound, xaxis, shapes }, config);
    }

    function goTo(window) {
      state.window = window;
      redraw();
    }

    function toggle(node) {
      const before = squeezeOf(tree, state.collapsed, coversOf(tree, state.collapsed));
      const [low, high] = wholeOf(tree, state.collapsed), isWhole = state.window[0] <= low && state.window[1] >= high;
      if (!state.collapsed.delete(node)) state.collapsed.add(node);
      const after = squeezeOf(tree, state.collapsed, coversOf(tree, state.collapsed));
      const moved = after(tree.at[node]) - before(tree.at[node]);
      state.message = "";
      goTo(isWhole ? wholeOf(tree, state.collapsed) : state.window.map((x) => x + moved));
    }

    function find(text) {
      const wanted = text.trim(), same = (id) => String(id) === wanted, leaf = tree.ids.findIndex(same);
      if (wanted === "" || leaf < 0) {
        const why = tree.left_out.some(same) ? "is left out of this graph" : "does not exist";
        state.message = wanted === "" ? "Type the id of a minimum." : `Minimum ${wanted} ${why}.`;
        state.found = null;
        redraw();
        return;
      }
      state.collapsed = opened(tree, state.collapsed, leaf);
      state.found = leaf;
      state.message = panel.data[1].text[leaf].replaceAll("<br>", ", ");
      const window = windowAround(tree, state.collapsed, leaf);
      if (window[1] - window[0] === 2 * NEAR) plot.layout.yaxis.range = lossesAround(panel, tree, state.collapsed, leaf, window);
      goTo(window);
    }

    controls.addEventListener("submit", (event) => { event.preventDefault(); find(controls.elements.id.value); });
    controls.elements.expand.addEventListener("click", () => {
      state.collapsed.clear();
      goTo(wholeOf(tree, state.collapsed));
    });
    controls.elements.whole.addEventListener("click", () => {
      Object.assign(state, { message: "", found: null });
      plot.layout.yaxis.range = panel.layout.yaxis.range.slice();
      goTo(wholeOf(tree, state.collapsed));
    });
    chosen?.addEventListener("change", () => { state.color = chosen.value === "" ? null : Number(chosen.value); redraw(); });
    if (chosen && panel.tree.color >= 0) { chosen.value = String(panel.tree.color); state.color = panel.tree.color; }
    const done = redraw();
    plot.on("plotly_click", ({ points }) => {
      const node = points[0]?.customdata?.node;
      if (node !== undefined) toggle(node);
    });
    plot.on("plotly_relayout", (change) => {
      if (!Object.keys(change).some((key) => key.startsWith("xaxis"))) return;
      const range = plot.layout.xaxis.range.map(Number);
      if (range[0] === state.window[0] && range[1] === state.window[1]) return;
      state.window = range;
      if (tree.leaves > BRANCHES) redraw();
    });
    return { done, show: (counts) => { state.counts = counts; redraw(); } };
  }

  return { draw, treeOf, view, picture, coversOf, squeezeOf, wholeOf, windowAround, lossesAround, opened, sharedGroups, colorsBy, BRANCHES };
})();
if (typeof module === "object") module.exports = agescapeGraph;
