// The keyboard: / search, Esc back to the city, arrows through the list.
export function keys(page) {
  const move = (step) => {
    const all = [...(page.s.list.open ?? []), ...(page.s.list.ended ?? [])];
    if (!all.length) return;
    const at = all.indexOf(page.s.seat.incident);
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1);
    if (all[next] !== page.s.seat.incident) page.say({ what: "select", incident: all[next] });
  };
  const handle = (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === "Escape") {
      if (page.dialog) page.dialog = null;
      else if (typing) page.$refs.head.leave();
      else if (page.s.seat.incident) page.say({ what: "select", incident: "" });
      return;
    }
    if (typing || page.dialog || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") page.$refs.head.search();
    else if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", handle);
  return () => document.removeEventListener("keydown", handle);
}
