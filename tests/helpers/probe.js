// What a reader of the open notebook would stumble over, measured on the page as it is drawn.
// Returns lists of sentences, all empty where nothing is wrong, and counts of what was looked at.
() => {
  const outputs = [...document.querySelectorAll(".jp-Notebook .jp-OutputArea-output")];
  const texts = [...document.querySelectorAll(".jp-Notebook .jp-RenderedMarkdown")];
  // textContent: innerText is empty where the browser has not drawn a cell far below yet.
  const short = (element) => element.textContent.trim().slice(0, 60);

  const channels = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[\d.]+/g).map(Number);
    return { rgb: [red, green, blue], alpha };
  };
  // The ground that an element stands on: its own or that of the nearest ancestor with one.
  const groundOf = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      layers.push(channels(getComputedStyle(at).backgroundColor));
      if (layers.at(-1).alpha === 1) break;
    }
    return layers.reduceRight(
      (below, layer) => below.map((c, i) => c * (1 - layer.alpha) + layer.rgb[i] * layer.alpha),
      [255, 255, 255],
    );
  };
  // Relative luminance and contrast as in WCAG 2.
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (element) => {
    const ink = luminance(channels(getComputedStyle(element).color).rgb);
    const ground = luminance(groundOf(element));
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  };

  // Every element with text of its own, in an output or in the lesson's prose.
  const written = [...outputs, ...texts].flatMap((area) => [...area.querySelectorAll("*")])
    .filter((element) => [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim()))
    .filter((element) => !element.closest(".jp-mod-hidden, [data-mime-type*=stderr]"));
  const coloured = outputs.flatMap((area) => [...area.querySelectorAll("[style*=background-color]")]);
  const pictures = [...document.querySelectorAll(".jp-Notebook img")]
    .filter((image) => !image.src.startsWith("http"));
  const broken = /Javascript Error|Error displaying widget|[Mm]odel not found|Error rendering/;

  return {
    errors: [...outputs, ...document.querySelectorAll(".jp-Dialog")]
      .filter((element) => broken.test(element.textContent)).map(short),
    overflowing: [...outputs, ...texts]
      .flatMap((area) => [area, ...area.querySelectorAll("pre, table, img, div, p")])
      .filter((element) => element.clientWidth && element.scrollWidth > element.clientWidth + 1)
      .map((element) => `${element.scrollWidth} > ${element.clientWidth}: ${short(element)}`),
    unreadable: written.filter((element) => contrast(element) < 4.5)
      .map((element) => `${contrast(element).toFixed(2)}: ${element.tagName} ${short(element)}`),
    uncoloured: coloured.filter((element) => {
      const style = getComputedStyle(element);
      return channels(style.backgroundColor).alpha < 1 || !element.style.color;
    }).map(short),
    unloaded: pictures.filter((image) => !image.complete || !image.naturalWidth)
      .map((image) => image.src.slice(0, 60)),
    written: written.length,
    counts: {
      coloured: coloured.length, pictures: pictures.length,
      folded: document.querySelectorAll(".jp-Notebook details").length,
    },
  };
}
