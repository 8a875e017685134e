// Brings the page up to date by itself: the tower tells which parts have changed, and the page is
// asked for again and those parts are merged in, so that focus, scroll and what is open stay.
// Without this script the pages say the same, as of the time that stands at their top.

"use strict";

(() => {
  const address = document.body.dataset.events;
  const mark = document.getElementById("live");
  if (!address || !mark || !window.EventSource || !window.Idiomorph) return;

  const text = document.getElementById("live-text");
  const said = document.getElementById("said");
  const SILENCE = 25_000; // milliseconds: the tower says something every ten seconds
  const AGAIN = 3_000;
  const QUIET = 900; // between two looks at the page
  const MARKED = 1_500;
  const UNSEEN = 60_000; // between two looks of a page that nobody sees

  let source = null;
  let heard = 0;
  let retry = 0;
  let resting = 0;
  let looking = false;
  let waiting = new Set();
  let looked = 0;
  let everything = false;

  const show = (state, words) => {
    if (mark.dataset.state !== state) mark.dataset.state = state;
    if (text.textContent !== words) text.textContent = words;
  };

  const say = (words) => {
    if (words && said.textContent !== words) said.textContent = words;
  };

  const lost = () => {
    if (mark.dataset.state === "lost") return;
    show("lost", "connection lost, trying again");
    say("Connection lost, trying again.");
  };

  // What a part says, without what goes on by itself: clocks, ages, the number of the ledger.
  const wordsOf = (part) => {
    if (part.matches("[data-calm]")) return "";
    const copy = part.cloneNode(true);
    for (const calm of copy.querySelectorAll("[data-calm]")) calm.remove();
    return copy.textContent.replace(/\s+/g, " ").trim();
  };

  const partsOf = (root) => root.querySelectorAll("[data-part]");

  const shows = (topic) =>
    [...partsOf(document)].some((part) => part.dataset.part === topic);

  // Merges the parts of a page that was asked for again into the one that is shown.
  const merge = (page, wanted) => {
    for (const fresh of partsOf(page)) {
      const part = document.getElementById(fresh.id);
      if (!part || (wanted && !wanted.has(fresh.dataset.part))) continue;
      if (part.isEqualNode(fresh)) continue;
      const before = part.dataset.said;
      const isNews = wordsOf(part) !== wordsOf(fresh);
      for (const open of part.querySelectorAll("details[open][id]")) {
        fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
      }
      Idiomorph.morph(part, fresh, { ignoreActiveValue: true, restoreFocus: true });
      if (isNews) {
        part.classList.add("changed");
        setTimeout(() => part.classList.remove("changed"), MARKED);
      }
      if (part.dataset.said !== before) say(part.dataset.said);
    }
    const title = page.querySelector("title");
    if (title && document.title !== title.textContent) document.title = title.textContent;
  };

  const look = async () => {
    if (looking || (!everything && waiting.size === 0)) return;
    looking = true;
    const wanted = everything ? null : waiting;
    waiting = new Set();
    everything = false;
    looked = Date.now();
    try {
      const answer = await fetch(location.href, {
        headers: { accept: "text/html" },
        cache: "no-store",
        credentials: "same-origin",
        redirect: "manual",
        signal: AbortSignal.timeout(20_000),
      });
      if (answer.status === 401 || answer.status === 403) {
        location.reload(); // the page that comes says why, and asks for a token
        return;
      }
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      merge(new DOMParser().parseFromString(await answer.text(), "text/html"), wanted);
    } catch {
      everything = true;
    } finally {
      looking = false;
    }
    if (everything || waiting.size > 0) setTimeout(look, everything ? AGAIN : QUIET);
  };

  const soon = () => setTimeout(look, Math.max(0, looked + QUIET - Date.now()));

  const alive = (event) => {
    heard = Date.now();
    const told = JSON.parse(event.data);
    show("live", `live, ${told.time}`);
  };

  const close = () => {
    clearTimeout(retry);
    if (source) source.close();
    source = null;
  };

  // A browser has six connections to one place, which all pages of it share: with six pages open
  // nothing more would load. So a page that nobody sees leaves its own to the others, and looks by
  // itself now and then, so that its title stays true and its session is not idle.
  const rest = () => {
    close();
    show("still", "not live while nobody sees it");
    resting ||= setInterval(() => {
      everything = true;
      look();
    }, UNSEEN);
  };

  const open = () => {
    close();
    if (document.visibilityState === "hidden") {
      rest();
      return;
    }
    clearInterval(resting);
    resting = 0;
    source = new EventSource(address);
    heard = Date.now();
    source.addEventListener("beat", alive);
    source.addEventListener("hello", (event) => {
      if (mark.dataset.state === "lost") say("Connected again.");
      alive(event);
      everything = true; // what changed while nobody told us
      soon();
    });
    source.addEventListener("changed", (event) => {
      alive(event);
      for (const topic of JSON.parse(event.data).parts) if (shows(topic)) waiting.add(topic);
      soon();
    });
    source.addEventListener("stopping", () => {
      again();
      show("lost", "the tower is stopping, trying again");
    });
    source.addEventListener("ended", () => {
      source.close();
      location.reload();
    });
    source.addEventListener("error", again);
  };

  const again = () => {
    close();
    lost();
    retry = setTimeout(async () => {
      try {
        const answer = await fetch(location.href, { cache: "no-store", headers: { accept: "text/html" } });
        if (answer.status === 401 || answer.status === 403) {
          location.reload();
          return;
        }
      } catch {
        // still away
      }
      open();
    }, AGAIN);
  };

  setInterval(() => {
    if (source && Date.now() - heard > SILENCE) again();
  }, 5_000);

  document.addEventListener("visibilitychange", open);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => {
    if (event.persisted) open();
  });
  open();
})();
