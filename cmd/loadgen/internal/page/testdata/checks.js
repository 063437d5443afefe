// Checks a page in a browser, with everything unfolded, and returns what is wrong with it.
(() => {
  const wrong = [], all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const said = new Set(), say = text => { if (!said.has(text) && wrong.length < 12) { said.add(text); wrong.push(text); } };
  const seen = e => e.getClientRects().length > 0;
  for (const d of all("details")) d.open = true;

  // Colours, as numbers from 0 to 255, of any form that CSS has.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = colour => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
      known.set(colour, [...canvas.getImageData(0, 0, 1, 1).data]);
    }
    return known.get(colour);
  };
  const luminance = c => {
    const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const backgrounds = new Map();
  const behind = e => {
    if (!e) return [255, 255, 255];
    if (!backgrounds.has(e)) {
      const [r, g, b, a] = rgba(getComputedStyle(e).backgroundColor), below = a < 255 ? behind(e.parentElement) : [0, 0, 0];
      backgrounds.set(e, [r, g, b].map((v, i) => (v * a + below[i] * (255 - a)) / 255));
    }
    return backgrounds.get(e);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let count = 0;
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement, text = texts.currentNode.data.trim();
    if (!text || ["SCRIPT", "STYLE"].includes(e.tagName) || !seen(e)) continue;
    count++;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize);
    if (size < (matchMedia("print").matches ? 9 : 11)) say(`"${text.slice(0, 30)}" has ${size}px`);
    const a = luminance(rgba(style.color).slice(0, 3)), b = luminance(behind(e)), contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) say(`"${text.slice(0, 30)}" has a contrast of ${contrast.toFixed(2)}`);
  }

  if (document.documentElement.scrollWidth > innerWidth) say(`the page is ${document.documentElement.scrollWidth}px wide`);
  for (const e of all("main *, header *")) {
    const box = e.getBoundingClientRect();
    if (box.width && !e.closest(".scroll, svg, .sr") && (box.right > innerWidth + 1 || box.left < -1)) say(`${e.tagName}.${e.className} "${e.textContent.slice(0, 20)}" reaches from ${Math.round(box.left)} to ${Math.round(box.right)}`);
  }
  for (const chart of all(".plot, .axis")) {
    const spans = all("span:not(.mark)", chart).filter(seen).map(e => [e.textContent, e.getBoundingClientRect()]);
    spans.forEach(([a, p], i) => {
      for (const [b, q] of spans.slice(i + 1)) if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1 && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 1.5) say(`${chart.className}: "${a}" is on "${b}"`);
    });
  }
  for (const svg of all(".plot svg, .track svg").filter(seen)) {
    const box = svg.getBoundingClientRect();
    if (box.width < 60 || box.height < 5) say(`a drawing has ${box.width} x ${box.height}px`);
  }
  const titles = all("h1").filter(seen);
  if (titles.length !== 1 || !titles[0].textContent.trim()) say(`${titles.length} answers are shown`);
  return JSON.stringify({ Texts: count, Wrong: wrong });
})()
