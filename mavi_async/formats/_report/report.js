"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("data").textContent);
  const { seconds, lanes, shared } = data;
  const [starts, ends, who] = data.segments;
  const count = starts.length;
  const audio = find("audio");
  const [view, run, strip, axis, head, list] = ["view", "run", "strip", "axis", "head", "list"].map(find);
  const names = [...document.querySelectorAll(".names li")];
  const LANE = 26, ABOVE = 8, BELOW = 24, BAR = 16, ROW = 30, CHUNK = 200;
  const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 36000];
  const height = ABOVE + LANE * Math.max(1, lanes.length) + BELOW;

  // reach[i]: the latest end of the segments up to i, so that those at a moment are found at once.
  const reach = new Float64Array(count);
  ends.forEach((end, i) => { reach[i] = i ? Math.max(reach[i - 1], end) : end; });

  let position = 0; // in seconds
  let scale = 1; // pixels per second
  let fitted = true;
  let chosen = -1; // the segment from which the arrow keys go on
  let stop = 0; // the row that the tab key goes to; arrows go on from there
  let active = []; // the segments at the position
  const rows = [];

  function clock(time, decimals = 0) {
    const unit = 10 ** decimals;
    const units = Math.max(0, Math.round(time * unit));
    const whole = Math.floor(units / unit);
    const two = (number) => String(number).padStart(2, "0");
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const text = h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
    return decimals ? `${text}.${String(units % unit).padStart(decimals, "0")}` : text;
  }

  const nameOf = (i) => (who[i] < 0 ? "another speaker" : lanes[who[i]].name);

  /** The number of sorted values that are not greater than a value. */
  function upTo(sorted, value) {
    let low = 0, high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] <= value) low = middle + 1; else high = middle;
    }
    return low;
  }

  /** The segments that overlap a stretch of time, in order. */
  function* between(from, to) {
    for (let i = upTo(reach, from); i < count && starts[i] < to; i++) if (ends[i] > from) yield i;
  }

  // Drawing: the canvas is as wide as what one sees, and stays there while the run scrolls.

  let drawing = 0;
  const redraw = () => { drawing ||= requestAnimationFrame(() => { drawing = 0; draw(); }); };

  function draw() {
    const width = view.clientWidth, dots = window.devicePixelRatio || 1;
    const from = view.scrollLeft / scale, to = from + width / scale;
    const style = getComputedStyle(document.documentElement);
    const tone = (name) => style.getPropertyValue(name).trim();
    if (strip.width !== Math.round(width * dots) || strip.height !== Math.round(height * dots)) {
      strip.width = Math.round(width * dots);
      strip.height = Math.round(height * dots);
      strip.style.width = `${width}px`;
      strip.style.height = `${height}px`;
    }
    const pen = strip.getContext("2d");
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.clearRect(0, 0, width, height);
    const crowded = count > scale * seconds;
    drawShared(pen, tone("--shared"), from, to, crowded, width);
    pen.fillStyle = tone("--track");
    lanes.forEach((_, n) => pen.fillRect(0, ABOVE + LANE * n + LANE / 2, width, 1));
    const tones = lanes.map((lane) => tone(`--c${lane.colour}`));
    drawAxis(pen, tone("--line"), from, to);
    (crowded ? drawCrowd : drawEach)(pen, tones, from, to, width);
  }

  function drawShared(pen, tone, from, to, crowded, width) {
    pen.fillStyle = tone;
    const tall = LANE * lanes.length;
    if (!crowded) {
      for (const [start, end] of shared) {
        if (end > from && start < to) pen.fillRect((start - from) * scale, ABOVE, Math.max(1, (end - start) * scale), tall);
      }
      return;
    }
    const cover = new Float32Array(width);
    for (const [start, end] of shared) spread(cover, 0, width, (start - from) * scale, (end - from) * scale);
    cover.forEach((share, x) => { if (share >= 0.5) pen.fillRect(x, ABOVE, 1, tall); });
  }

  /** Draw each segment at its place, with a gap of a pixel where there is room for one. */
  function drawEach(pen, tones, from, to) {
    for (const i of between(from, to)) {
      if (who[i] < 0) continue;
      const x = (starts[i] - from) * scale, wide = (ends[i] - starts[i]) * scale;
      pen.fillStyle = tones[who[i]];
      pen.fillRect(x, ABOVE + LANE * who[i] + (LANE - BAR) / 2, wide > 5 ? wide - 1 : Math.max(wide, 1), BAR);
    }
  }

  /** Draw, pixel by pixel, the root of the share of time in which each speaker speaks. */
  function drawCrowd(pen, tones, from, to, width) {
    const cover = new Float32Array(width * lanes.length);
    for (const i of between(from, to)) {
      if (who[i] >= 0) spread(cover, who[i] * width, width, (starts[i] - from) * scale, (ends[i] - from) * scale);
    }
    lanes.forEach((_, n) => {
      pen.fillStyle = tones[n];
      const foot = ABOVE + LANE * n + (LANE + BAR) / 2;
      for (let x = 0; x < width; x++) {
        const share = Math.min(1, cover[n * width + x]);
        if (share) { const tall = Math.max(2, Math.sqrt(share) * BAR); pen.fillRect(x, foot - tall, 1, tall); }
      }
    });
  }

  function spread(cover, base, width, begin, until) {
    const last = Math.min(width - 1, Math.floor(until));
    for (let x = Math.max(0, Math.floor(begin)); x <= last; x++) {
      cover[base + x] += Math.max(0, Math.min(until, x + 1) - Math.max(begin, x));
    }
  }

  function drawAxis(pen, tone, from, to) {
    const step = STEPS.find((each) => each * scale >= 84) ?? 84 / scale;
    const marks = [];
    pen.fillStyle = tone;
    for (let n = Math.floor(from / step); n * step <= Math.min(to, seconds); n++) {
      const x = Math.round((n * step - from) * scale);
      pen.fillRect(x, 0, 1, height - BELOW + 4);
      if (n * step * scale > seconds * scale - 30 && n) continue;
      const mark = document.createElement("span");
      mark.textContent = clock(n * step, step < 1 ? 1 : 0);
      mark.style.left = `${Math.round(n * step * scale)}px`;
      marks.push(mark);
    }
    axis.replaceChildren(...marks);
  }

  // Zoom: around a moment that stays where it is.

  function zoom(factor, x = position * scale - view.scrollLeft) {
    if (x < 0 || x > view.clientWidth) x = view.clientWidth / 2;
    const moment = (view.scrollLeft + x) / scale;
    const least = view.clientWidth / seconds;
    const most = Math.max(least, Math.min(400, 8e6 / seconds));
    scale = Math.min(most, Math.max(least, scale * factor));
    fitted = scale <= least;
    lay();
    view.scrollLeft = moment * scale - x;
    redraw();
  }

  function lay() {
    if (fitted) scale = Math.max(view.clientWidth, 1) / seconds;
    run.style.width = fitted ? "100%" : `${Math.round(scale * seconds)}px`;
    run.style.height = `${height}px`;
    move();
    redraw();
  }

  // Position: the player's, or without one that of the cursor.

  function move() { head.style.transform = `translateX(${position * scale}px)`; }

  function seek(time) {
    position = Math.min(seconds, Math.max(0, time));
    if (audio) audio.currentTime = position;
    show();
    reveal();
  }

  function choose(i, { play }) {
    if (rows[stop]) rows[stop].tabIndex = -1;
    if (rows[i]) rows[i].tabIndex = 0;
    stop = chosen = i;
    seek(starts[i]);
    if (audio && play) start();
  }

  function start() {
    find("said").textContent = "";
    audio.play().catch((error) => {
      if (error.name !== "AbortError") say();
    });
  }

  const say = () => { find("said").textContent = "This browser cannot play the recording."; };

  /** Show where we are: playhead, slider, current segments and speakers. */
  function show() {
    move();
    const shown = clock(position);
    if (view.getAttribute("aria-valuetext") !== shown) {
      view.setAttribute("aria-valuenow", String(Math.round(position)));
      view.setAttribute("aria-valuetext", shown);
    }
    const moment = position + 1e-3; // players round what they are told
    const now = [...between(moment, moment)];
    if (!(starts[chosen] <= moment && ends[chosen] > moment)) chosen = upTo(starts, moment) - 1;
    if (now.length !== active.length || now.some((i, n) => i !== active[n])) mark(now);
  }

  function mark(now) {
    active.forEach((i) => rows[i]?.removeAttribute("aria-current"));
    active = now;
    active.forEach((i) => rows[i]?.setAttribute("aria-current", "true"));
    const speaking = new Set(active.map((i) => who[i]));
    names.forEach((name, n) => name.classList.toggle("on", speaking.has(n)));
    if (active.length && !list.matches(":hover")) scrollTo(active[0]);
  }

  function scrollTo(i) {
    const top = i * ROW;
    if (top < list.scrollTop || top + ROW > list.scrollTop + list.clientHeight) {
      list.scrollTop = top - list.clientHeight / 3;
    }
  }

  function reveal() {
    const x = position * scale;
    if (x < view.scrollLeft || x > view.scrollLeft + view.clientWidth) view.scrollLeft = x - view.clientWidth / 10;
  }

  if (audio) {
    let frame = 0;
    const follow = () => {
      cancelAnimationFrame(frame);
      const x = position * scale - view.scrollLeft;
      const seen = x >= 0 && x <= view.clientWidth;
      position = audio.currentTime;
      show();
      if (seen) reveal();
      if (!audio.paused) frame = requestAnimationFrame(follow);
    };
    audio.addEventListener("play", follow);
    for (const event of ["seeked", "pause", "timeupdate"]) {
      audio.addEventListener(event, () => { if (audio.paused) { position = audio.currentTime; show(); } });
    }
    audio.addEventListener("error", say);
  }

  // Hands: pointer and keys.

  function under(event) {
    const box = view.getBoundingClientRect();
    const time = (event.clientX - box.left + view.scrollLeft) / scale;
    const lane = Math.floor((event.clientY - box.top - ABOVE) / LANE);
    const near = [...between(time - 3 / scale, time + 3 / scale)].filter((i) => who[i] === lane);
    return { time, segment: near.find((i) => starts[i] <= time && ends[i] > time) ?? near[0] };
  }

  view.addEventListener("click", (event) => {
    const { time, segment } = under(event);
    if (segment === undefined) seek(time); else choose(segment, { play: true });
  });
  view.addEventListener("mousemove", (event) => {
    const { time, segment } = under(event);
    view.title = segment === undefined ? clock(time, 1)
      : `${nameOf(segment)}, ${clock(starts[segment], 1)} to ${clock(ends[segment], 1)}`;
  });
  view.addEventListener("scroll", redraw, { passive: true });
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 200), event.clientX - view.getBoundingClientRect().left);
  }, { passive: false });
  find("in").addEventListener("click", () => zoom(2));
  find("out").addEventListener("click", () => zoom(0.5));
  find("fit").addEventListener("click", () => zoom(0));

  list.addEventListener("click", (event) => {
    const row = event.target.closest("button");
    if (row) choose(rows.indexOf(row), { play: true });
  });
  // On a row, the space bar plays and pauses as it does everywhere; a button would be pressed.
  list.addEventListener("keyup", (event) => { if (event.key === " ") event.preventDefault(); });

  function step(by) {
    if (!count) return;
    choose(Math.min(count - 1, Math.max(0, chosen + by)), { play: false });
    scrollTo(chosen);
    if (list.contains(document.activeElement)) rows[chosen]?.focus({ preventScroll: true });
  }

  const inPlace = (target) => target === view || list.contains(target);
  const KEYS = {
    " ": () => { if (audio) { if (audio.paused) start(); else audio.pause(); } },
    ArrowLeft: (event) => seek(position - (event.shiftKey ? 1 : 5)),
    ArrowRight: (event) => seek(position + (event.shiftKey ? 1 : 5)),
    ArrowUp: () => step(-1),
    ArrowDown: () => step(1),
    Home: () => seek(0),
    End: () => seek(seconds),
    "+": () => zoom(2),
    "-": () => zoom(0.5),
  };
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, key)) return;
    if (target.closest?.("audio, .zoom")) return;
    // Elsewhere these scroll the page.
    if (["ArrowUp", "ArrowDown", "Home", "End"].includes(key) && !inPlace(target)) return;
    event.preventDefault();
    KEYS[key](event);
  });

  // The list, some rows at a time, so that the page answers while a long one is built.

  function build(from) {
    const chunk = document.createElement("ol");
    chunk.start = from + 1;
    for (let i = from; i < Math.min(from + CHUNK, count); i++) {
      const item = document.createElement("li"), row = document.createElement("button");
      const [time, dot, name, length] = ["time", "span", "bdi", "small"].map((tag) => document.createElement(tag));
      time.textContent = clock(starts[i], 1);
      dot.className = who[i] < 0 ? "dot" : `dot c${lanes[who[i]].colour}`;
      name.textContent = nameOf(i);
      length.textContent = `${(ends[i] - starts[i]).toFixed(1)} s`;
      row.type = "button";
      row.tabIndex = i === stop ? 0 : -1;
      row.append(time, dot, name, length);
      item.append(row);
      chunk.append(item);
      rows.push(row);
    }
    list.append(chunk);
    if (from + CHUNK < count) setTimeout(build, 0, from + CHUNK);
    else mark(active);
  }

  document.documentElement.classList.add("js");
  new ResizeObserver(lay).observe(view);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  lay();
  if (count) build(0);
  show();
})();
