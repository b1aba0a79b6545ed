"use strict";
(() => {
  const report = JSON.parse(document.getElementById("report-data").textContent);
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
      // fails where the next age overtakes this one
      if (panel.frames) Plotly.animate(plots[i], structuredClone(panel.frames[k]), AT_ONCE).catch(() => {});
    });
  }

  function draw() {
    document.getElementById("interactive").hidden = false;
    // on a touch screen a finger scrolls the page; the buttons still zoom
    const touch = window.matchMedia("(pointer: coarse)").matches;
    report.panels.forEach((panel, i) => {
      Plotly.newPlot(plots[i], panel.data, { ...panel.layout, dragmode: touch ? false : "zoom" }, config);
    });
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
