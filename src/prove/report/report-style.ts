/** The style of the HTML report: both themes, and paper. All colours have a contrast of 4.5 or more against their background. */
export const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --card: #f6f7f9; --text: #1b1f24; --soft: #57606a; --line: #d3d8de;
  --good: #116329; --bad: #a40e26; --warn: #7d4e00; --bar: #2f6f9f; --band: #b35900; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171b; --card: #1d2228; --text: #e6e9ed; --soft: #a3acb6; --line: #363d46;
  --good: #5fd184; --bad: #ff8f8f; --warn: #eab95a; --bar: #6bb0e0; --band: #f0a35c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 62rem; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.1rem; margin: 0; color: var(--soft); font-weight: 600; }
h2 { font-size: 1.1rem; margin: 2.25rem 0 .5rem; }
p { margin: .4rem 0; }
.verdict { display: flex; gap: .9rem; align-items: center; margin: .5rem 0 .25rem; font-size: 1.7rem; line-height: 1.25; font-weight: 700; }
.mark { flex: none; width: 2.4rem; height: 2.4rem; border-radius: 50%; border: .2rem solid currentColor; display: grid; place-items: center;
  font-size: 1.3rem; line-height: 1; }
.kept .mark, .zero { color: var(--good); } .broken .mark, .found { color: var(--bad); } .incomplete .mark { color: var(--warn); }
.soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 500; }
.n { text-align: right; white-space: nowrap; }
.found, .zero { font-weight: 700; }
code, pre { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; margin: 0; }
dt { color: var(--soft); margin-top: .5rem; } dd { margin: 0; }
ul { padding-left: 1.2rem; } li { margin: .2rem 0; overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; }
svg .bar { fill: var(--bar); } svg .band { fill: var(--band); opacity: .28; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
svg .axis { stroke: var(--line); }
@media print { :root { --ground: #fff; --card: #fff; --text: #000; --soft: #444; --line: #999; --good: #0b4f20; --bad: #8a0a1e; --warn: #5f3b00;
  --bar: #444; --band: #888; } body { font-size: 11px; padding: 0; max-width: none; } h2 { margin-top: 1.2rem; break-after: avoid; }
  .verdict { font-size: 1.3rem; } tr, li { break-inside: avoid; } svg { max-height: 6rem; } .wide { overflow: visible; } }
`;
