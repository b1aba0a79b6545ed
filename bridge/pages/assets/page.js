"use strict";
(() => {
  const report = JSON.parse(document.getElementById("page-data").textContent);
  const slider = document.getElementById("age");
  const details = document.getElementById("age-details");
  const PRINTED_WIDTH = 660; // pixels that fit between the margins of A4
  // no redrawing of what does not change: there may be thousands of minima
  const AT_ONCE = { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: false } };
  const config = {
    responsive: true,
    displaylogo: false,
    displayModeBar: true,
    showSendToCloud: false, // nothing of a study goes anywhere
    plotlyServerURL: "",
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"],
  };
  const plots = report.panels.map((panel) => document.getElementById(panel.id));
  const graphs = [];

  /** Everything on the page goes to the k-th age. */
  function show(k) {
    const age = report.ages[k];
    document.getElementById("age-text").textContent = age.text;
    slider.setAttribute("aria-valuetext", age.text);
    details.replaceChildren(...age.details.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
    report.panels.forEach((panel, i) => {
      if (!panel.frames?.length) return;
      if (graphs[i]) graphs[i].show(panel.frames[k].data[0].customdata);
      // fails where the next age overtakes this one
      else Plotly.animate(plots[i], structuredClone(panel.frames[k]), AT_ONCE).catch(() => {});
    });
  }

  function draw() {
    document.getElementById("interactive").hidden = false;
    // on a touch screen a finger scrolls the page; the buttons still zoom
    const touch = window.matchMedia("(pointer: coarse)").matches;
    report.panels.forEach((panel, i) => {
      const layout = { ...panel.layout, dragmode: touch ? false : "zoom" };
      if (panel.tree) graphs[i] = agescapeGraph.draw(panel, plots[i], layout, config);
      else Plotly.newPlot(plots[i], panel.data, layout, config);
    });
    if (!slider) return;
    show(slider.valueAsNumber);
    slider.addEventListener("input", () => show(slider.valueAsNumber));
    document.getElementById("age-control").addEventListener("submit", (event) => event.preventDefault());
  }

  window.addEventListener("beforeprint", () => {
    plots.forEach((plot) => Plotly.relayout(plot, { autosize: false, width: PRINTED_WIDTH, height: 420 }));
  });
  window.addEventListener("afterprint", () => {
    plots.forEach((plot) => Plotly.relayout(plot, { autosize: true, width: null, height: null }));
  });
  draw();
})();
