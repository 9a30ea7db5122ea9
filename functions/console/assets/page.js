// What every page can do better with scripts: copy, times that stay true, the reader's zone,
// a part that is kept up to date. Without them everything else works.

const language = document.documentElement.lang;

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const known = document.cookie.match(/(?:^|; )hookline-zone=([^;]*)/)?.[1];
let wasUnknown = false;
if (zone && decodeURIComponent(known ?? "") !== zone) {
  const secure = location.protocol === "https:";
  const framed = window.parent !== window;
  const same = framed && secure ? "None; Partitioned" : "Lax";
  document.cookie =
    `hookline-zone=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; SameSite=${same}${secure ? "; Secure" : ""}`;
  // Shown in another zone until now. Where cookies are refused, it stays so.
  wasUnknown = document.cookie.includes("hookline-zone=");
}

export function toast(text) {
  const place = document.getElementById("toasts");
  const message = document.createElement("p");
  message.className = "toast";
  message.textContent = text;
  place.replaceChildren(message);
  setTimeout(() => message.remove(), 4000);
}

function prepare(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
  for (const button of root.querySelectorAll("[data-needs-script]")) button.hidden = false;
}
prepare(document);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  try {
    const block = button.closest("figure")?.querySelector("pre");
    await navigator.clipboard.writeText(button.dataset.copy || block.textContent);
    toast(document.getElementById("toasts").dataset.copied);
  } catch {
    // Clipboards are refused on plain http; the text is there to be marked.
  }
});

const relative = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function tell(element) {
  const seconds = Math.trunc((Date.parse(element.dateTime) - Date.now()) / 1000);
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units[3];
  element.textContent = relative.format(Math.trunc(seconds / size), unit);
}

function tellAll() {
  if (!document.hidden) document.querySelectorAll("time[data-relative]").forEach(tell);
}
setInterval(tellAll, 10000);

// Without what changes by itself.
const settled = (part) => part.innerHTML.replace(/<time[^>]*>[^<]*<\/time>/g, "").replace(/ (hidden|open)(="")?/g, "");

// Asks for the page again and puts the part with the same id in its place. What the reader
// has opened stays open.
export async function refresh(part) {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok || new URL(answer.url).pathname !== location.pathname) return false;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
  if (!fresh) return false;
  if (settled(fresh) !== settled(part)) {
    const open = [...part.querySelectorAll("details")].map((details) => details.open);
    part.replaceChildren(...fresh.childNodes);
    part.querySelectorAll("details").forEach((details, index) => {
      if (index in open) details.open = open[index];
    });
    prepare(part);
  }
  return true;
}

// `data-live` is kept up to date while somebody looks at it; `data-live-toggle` pauses that.
const EVERY = 3000;
const live = document.querySelector("[data-live]");
if (live) {
  const toggle = document.querySelector("[data-live-toggle]");
  let paused = false;
  toggle?.addEventListener("click", () => {
    paused = !paused;
    toggle.setAttribute("aria-pressed", String(paused));
  });
  const look = async () => {
    const reading = live.contains(document.activeElement) || live.querySelector("input:checked") || !getSelection().isCollapsed;
    if (!document.hidden && !paused && !reading && live.isConnected) {
      try {
        await refresh(live);
      } catch {
        // The next look may succeed.
      }
    }
    setTimeout(look, Number(live.dataset.live) || EVERY);
  };
  setTimeout(look, Number(live.dataset.live) || EVERY);
}

// A page that was shown in another zone is shown again, unless there is a form in it.
if (wasUnknown && document.querySelector("time") && !document.querySelector("main form[method=post]")) {
  refresh(document.getElementById("main")).catch(() => {});
}

// Only the fields of what was chosen are shown.
function showChosen() {
  for (const part of document.querySelectorAll("[data-shown-for]")) {
    const chosen = document.getElementById(part.dataset.shownFor);
    const isShown = chosen?.value === part.dataset.shownAt;
    part.hidden = !isShown;
    if (isShown) part.open = true;
  }
}
showChosen();
document.addEventListener("change", showChosen);

// Search in a tree of choices. What is chosen stays in sight.
document.querySelector("[data-filter-choices]")?.addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  const tree = event.target.closest("fieldset");
  for (const choice of tree.querySelectorAll(".tree .choice")) {
    const isFound = choice.dataset.search.toLowerCase().includes(wanted);
    choice.hidden = !isFound && !choice.querySelector("input").checked;
  }
  for (const group of tree.querySelectorAll(".tree details")) {
    const isFound = group.querySelector(".choice:not([hidden])") !== null;
    group.hidden = !isFound;
    if (wanted && isFound) group.open = true;
  }
});

// What was just done is said once, also to who comes back to the page later.
const address = new URL(location.href);
if (address.searchParams.has("done")) {
  address.searchParams.delete("done");
  history.replaceState(null, "", address);
}

// A form whose result is shown while it is typed; the button that shows it works without this.
const previewed = document.querySelector("form[data-live-preview]");
if (previewed) {
  let timer;
  previewed.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const sent = new URLSearchParams(new FormData(previewed));
      try {
        const answer = await fetch(previewed.dataset.livePreview, { method: "POST", body: sent, headers: { accept: "text/html" } });
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const id of ["preview", "mistakes"]) {
          const part = fresh.getElementById(id);
          if (part) document.getElementById(id).replaceChildren(...part.childNodes);
        }
        prepare(document);
      } catch {
        // The next key may succeed.
      }
    }, 400);
  });
}
