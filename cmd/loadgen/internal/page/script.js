"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const clamp = (x, lo, hi) => Math.min(Math.max(x, lo), hi);
  const digits = x => x === 0 ? "0" : x >= 999.5 ? Math.round(x).toLocaleString("en-US") : x.toPrecision(3);
  // Writes nanoseconds as the page does.
  const time = ns => {
    for (const [name, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) if (ns >= 0.9995 * size) return digits(ns / size) + " " + name;
    return digits(ns) + " ns";
  };

  // Returns the functions from a value to a coordinate and back, of a scale such as "log 1e3 1e6 1000 0".
  const scale = text => {
    const [kind, ...rest] = text.split(" "), [lo, hi, from, to] = rest.map(Number);
    const into = kind === "log" ? Math.log10 : x => x, out = kind === "log" ? x => 10 ** x : x => x, a = into(lo), b = into(hi);
    return { lo, hi, at: x => from + (into(x) - a) / (b - a) * (to - from), value: p => out(a + (p - from) / (to - from) * (b - a)) };
  };
  const points = path => path.getAttribute("d").match(/-?[\d.]+ -?[\d.]+/g).map(p => p.split(" ").map(Number));

  // Percentiles: a line at the pointer or the arrow keys, and the values of each curve in the table below.
  for (const plot of all("[data-kind=percentiles]")) {
    const x = scale(plot.dataset.x), y = scale(plot.dataset.y), svg = plot.querySelector("svg"), figure = plot.closest("figure");
    const out = figure.querySelector("[aria-live]"), title = figure.querySelector("th.cur"), cells = all("td.cur", figure), rows = all("tbody th", figure);
    const curves = all(".curve", plot).map(p => [Number(p.dataset.row), points(p)]), line = document.createElementNS(svg.namespaceURI, "path");
    const stops = [...new Set(curves.flatMap(([, list]) => list.map(p => p[0])))].sort((a, b) => a - b);
    let at = -1;
    line.setAttribute("class", "cur");
    const show = i => {
      at = clamp(i, 0, stops.length - 1);
      const p = stops[at], share = 100 - 100 / 10 ** x.value(p), name = "p" + Number(share.toFixed(share < 99 ? 1 : share < 99.9 ? 2 : 4));
      line.setAttribute("d", `M${p} 0V1000`);
      svg.append(line);
      title.textContent = name;
      out.textContent = name + ": " + rows.map((row, i) => {
        const curve = curves.find(([row]) => row === i), q = curve && curve[1].find(q => q[0] === p);
        cells[i].textContent = q ? time(y.value(q[1])) : "-";
        return row.title + " " + cells[i].textContent;
      }).join(", ");
    };
    const hide = () => { line.remove(); title.textContent = ""; for (const c of cells) c.textContent = ""; };
    const nearest = p => stops.reduce((best, s, i) => Math.abs(s - p) < Math.abs(stops[best] - p) ? i : best, 0);
    plot.addEventListener("pointermove", e => { const box = plot.getBoundingClientRect(); show(nearest(1000 * (e.clientX - box.left) / box.width)); });
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("focus", () => show(at < 0 ? nearest(x.at(2)) : at));
    plot.addEventListener("blur", hide);
    plot.addEventListener("keydown", e => {
      const step = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -1e6, End: 1e6 }[e.key];
      if (step) { e.preventDefault(); show(at + step); }
    });
  }

  // Windows over time: which window, and what it held.
  for (const plot of all("[data-kind=heat]")) {
    const d = plot.dataset, grid = text => text.split(";").map(r => r === "" ? [] : r.split(",").map(Number));
    const longest = grid(d.longest), p50 = grid(d.p50), gc = grid(d.gc), rounds = d.rounds.split(","), ms = Number(d.ms), out = plot.closest(".only").querySelector(".out");
    const columns = Math.max(...longest.map(r => r.length));
    let r = 0, c = 0;
    const show = (row, column) => {
      r = clamp(row, 0, longest.length - 1); c = clamp(column, 0, columns - 1);
      const x = longest[r][c], from = `${d.name}, round ${rounds[r]}, ${Number((c * ms).toPrecision(6))} to ${Number(((c + 1) * ms).toPrecision(6))} ms: `;
      out.textContent = from + (x === undefined ? "no window" : `longest ${time(1e3 * x)}` + (p50[r][c] ? `, p50 ${time(1e3 * p50[r][c])}` : "") + (gc[r].includes(c) ? ", a garbage collection" : ""));
    };
    plot.addEventListener("pointermove", e => {
      const box = plot.getBoundingClientRect();
      show(Math.floor(longest.length * (e.clientY - box.top) / box.height), Math.floor(columns * (e.clientX - box.left) / box.width));
    });
    plot.addEventListener("focus", () => show(r, c));
    plot.addEventListener("keydown", e => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
      if (step) { e.preventDefault(); show(r + step[0], c + step[1]); }
    });
  }

  // Rows: one tab stop for a chart, arrows go on, and a live line says what the row holds.
  for (const chart of all(".rows")) {
    const rows = all(".tip", chart), out = document.createElement("p");
    out.className = "sr";
    out.setAttribute("aria-live", "polite");
    chart.append(out);
    rows.forEach((row, i) => {
      row.tabIndex = i ? -1 : 0;
      row.addEventListener("focus", () => { out.textContent = row.dataset.tip; });
      row.addEventListener("keydown", e => {
        const next = rows[i + ({ ArrowDown: 1, ArrowUp: -1 }[e.key] || 0)];
        if (next && next !== row) { e.preventDefault(); rows.forEach(r => { r.tabIndex = -1; }); next.tabIndex = 0; next.focus(); }
      });
    });
  }
})();
