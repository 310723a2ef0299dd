#include "cli/console/desk.h"

namespace recrypt {

// Colours have a contrast of at least 4.5 to 1 on what they stand on, in both schemes.
std::string_view StyleSheet() {
  return R"css(:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --text: #1b1f24; --soft: #535c68; --line: #d3d8de;
  --link: #0b57b0; --act: #0b57b0; --on-act: #ffffff; --bad: #b3261e; --on-bad: #ffffff;
  --told: #e4f1e6; --told-line: #2e7d32; --wrong: #fbe9e7; --grants: #2f6db5; --refusals: #c2410c;
  --focus: #0b57b0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1d2126; --text: #e7eaee; --soft: #a8b1bc; --line: #3a414a;
    --link: #8ab9f5; --act: #8ab9f5; --on-act: #10151c; --bad: #f2a49d; --on-bad: #2a0b08;
    --told: #1c2f20; --told-line: #7cc784; --wrong: #3a1f1c; --grants: #6ea8ee; --refusals: #f19a62;
    --focus: #ffd479;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif; }
a { color: var(--link); text-underline-offset: 0.15em; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 2px; }
main:focus { outline: none; }
.skip { position: absolute; left: -100vw; background: var(--card); padding: 0.5rem 1rem; z-index: 1; }
.skip:focus { left: 0.5rem; top: 0.5rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.top { display: flex; flex-wrap: wrap; align-items: center; gap: 0.25rem 1.5rem;
  padding: 0.6rem max(1rem, calc((100vw - 64rem) / 2)); background: var(--card);
  border-bottom: 1px solid var(--line); }
.brand { margin: 0; font-weight: 700; }
.brand span { font-weight: 400; color: var(--soft); overflow-wrap: anywhere; }
.top form { margin-left: auto; }
main { max-width: 66rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0 0.75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 0.6rem; overflow-wrap: anywhere; }
h3 { font-size: 1.05rem; margin: 1.2rem 0 0.5rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; list-style: none; margin: 0; padding: 0; }
nav a { display: inline-block; padding: 0.3rem 0; text-decoration: none;
  border-bottom: 3px solid transparent; }
nav a:hover { text-decoration: underline; }
nav a[aria-current] { color: var(--text); font-weight: 600; border-bottom-color: var(--act); }
main > nav { border-bottom: 1px solid var(--line); margin-bottom: 1rem; }
section > :last-child, .card > :last-child { margin-bottom: 0; }
section, .card { background: var(--card); border: 1px solid var(--line); border-radius: 0.5rem;
  padding: 1rem; margin: 0 0 1rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr));
  gap: 1rem; list-style: none; padding: 0; margin: 0; }
.cards .card { margin: 0; }
.card h2 { margin-bottom: 0; }
.role { margin: 0 0 0.6rem; color: var(--soft); }
.note { color: var(--soft); font-size: 0.95rem; }
.facts { margin: 0; }
.facts div { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: 0 1rem; padding: 0.25rem 0;
  border-top: 1px solid var(--line); }
.facts div:first-child { border-top: 0; }
main .card .facts div { grid-template-columns: 9rem minmax(0, 1fr); }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
code { font-family: ui-monospace, "Liberation Mono", "DejaVu Sans Mono", monospace;
  font-size: 0.9em; overflow-wrap: anywhere; }
.fingerprint { font-size: 1.35rem; font-weight: 600; }
table { width: 100%; border-collapse: collapse; margin: 0.25rem 0 0.75rem; }
caption { text-align: left; color: var(--soft); font-size: 0.95rem; padding-bottom: 0.3rem; }
th { text-align: left; font-weight: 600; font-size: 0.95rem; }
th, td { padding: 0.4rem 0.75rem 0.4rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
td { overflow-wrap: anywhere; }
td ul { margin: 0.25rem 0; padding-left: 1rem; }
.event { font-weight: 600; }
.bad { color: var(--bad); }
summary { cursor: pointer; color: var(--link); }
.told, .problem { border: 1px solid var(--told-line); border-left-width: 6px; border-radius: 0.3rem;
  background: var(--told); padding: 0.6rem 0.8rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
.problem { border-color: var(--bad); background: var(--wrong); }
.problem p { margin: 0 0 0.5rem; }
.problem p:last-child { margin: 0; }
form { margin: 0; }
.fields { display: flex; flex-wrap: wrap; gap: 0.75rem; align-items: end; margin-bottom: 1rem; }
.fields p { margin: 0; display: grid; gap: 0.2rem; flex: 1 1 14rem; }
label { font-weight: 600; }
.check { font-weight: 400; display: grid; grid-template-columns: auto 1fr; gap: 0.6rem; }
.check input { width: 1.2rem; height: 1.2rem; margin: 0.15rem 0 0; accent-color: var(--act); }
input, select, button, .button { font: inherit; min-height: 2.5rem; border-radius: 0.3rem; }
input:not([type=checkbox]), select { width: 100%; padding: 0.4rem 0.6rem; color: var(--text);
  background: var(--page); border: 1px solid var(--soft); }
button, .button { display: inline-block; padding: 0.4rem 1rem; border: 1px solid var(--act);
  background: var(--act); color: var(--on-act); font-weight: 600; cursor: pointer; }
button:hover { filter: brightness(1.1); }
.button, .quiet { background: transparent; color: var(--link); border-color: var(--soft);
  text-decoration: none; }
td .button { min-height: 0; padding: 0.15rem 0.7rem; white-space: nowrap; justify-self: start; }
.danger { background: var(--bad); border-color: var(--bad); color: var(--on-bad); }
.decide { display: flex; flex-wrap: wrap; gap: 0.5rem; width: 13rem; max-width: 100%; }
progress { width: 100%; height: 1.2rem; accent-color: var(--act); }
.plot { margin: 0; }
.plot figcaption { display: flex; flex-wrap: wrap; gap: 0 0.75rem; overflow-wrap: anywhere; }
.card .plot strong { display: none; }
.counts, .scale, .times { color: var(--soft); font-size: 0.9rem; }
.frame { display: grid; grid-template-columns: auto 1fr; gap: 0.5rem; margin-top: 0.4rem; }
.scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right;
  min-width: 1.5rem; line-height: 1; }
.plot svg { width: 100%; height: 11rem; display: block; background: var(--page);
  border: 1px solid var(--line); }
.plot.small svg { height: 5rem; }
.times { display: flex; justify-content: space-between; padding-left: 2rem; }
.slot { fill: transparent; }
g:hover .slot { fill: var(--line); }
.grants { fill: var(--grants); }
.refusals { fill: var(--refusals); }
.zero { stroke: var(--text); stroke-width: 1; vector-effect: non-scaling-stroke; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(18rem, 100%), 1fr));
  gap: 1rem; list-style: none; padding: 0; margin: 0; }
.plots p { margin: 0.2rem 0 0; }
@media (max-width: 42rem) {
  table, tbody, tr, td { display: block; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  caption { display: block; }
  tr { border-bottom: 1px solid var(--line); padding: 0.4rem 0; }
  td { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: 0.5rem; border: 0; padding: 0.15rem 0; }
  td:empty { display: none; }
  td::before { content: attr(data-head); color: var(--soft); }
  .facts div { grid-template-columns: 7.5rem minmax(0, 1fr); gap: 0 0.5rem; }
}
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
@media (forced-colors: active) { .grants { fill: CanvasText; } .refusals { fill: GrayText; } }
)css";
}

}  // namespace recrypt
