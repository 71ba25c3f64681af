// The style sheet of the page. Colours are chosen so that each stands at least 3 to 1 against its
// ground, and so that the hues stay apart for people with protanopia and deuteranopia (a test
// computes both); what a colour says is also said by a line's pattern and by words.

export interface Palette {
  readonly ground: string
  readonly card: string
  readonly ink: string
  readonly muted: string
  readonly rule: string
  /** By hue: first of ours, then of other programs. */
  readonly hues: Readonly<Record<string, readonly [string, string]>>
}

export const LIGHT: Palette = {
  ground: '#f7f7f5',
  card: '#ffffff',
  ink: '#1c2024',
  muted: '#5a626c',
  rule: '#dcdfe3',
  hues: {
    blue: ['#0a44a8', '#4487d8'],
    orange: ['#df6000', '#b85000'],
    green: ['#3f9c86', '#2a7d69'],
    purple: ['#9a62b5', '#7d4c9c'],
    ochre: ['#6a560c', '#6a560c'],
    grey: ['#3d424b', '#6b7280'],
  },
}

export const DARK: Palette = {
  ground: '#121417',
  card: '#1a1d21',
  ink: '#e7e9ec',
  muted: '#a0a8b2',
  rule: '#31363d',
  hues: {
    blue: ['#5089f0', '#8db4f8'],
    orange: ['#e07414', '#f0a468'],
    green: ['#94f0d0', '#5cbfa0'],
    purple: ['#d6a4fa', '#b383d6'],
    ochre: ['#e0ca4c', '#e0ca4c'],
    grey: ['#858a92', '#858a92'],
  },
}

export function styleSheet(): string {
  return `:root{color-scheme:light dark;${variables(LIGHT)}}
@media (prefers-color-scheme:dark){:root{${variables(DARK)}}}
${Object.keys(LIGHT.hues).map(hueRules).join('\n')}
${RULES}`
}

function variables({ ground, card, ink, muted, rule, hues }: Palette): string {
  const colors = Object.entries(hues).map(([hue, [own, other]]) => {
    return `--${hue}:${own};--${hue}-other:${other}`
  })
  const grounds = `--ground:${ground};--card:${card};--ink:${ink};--muted:${muted};--rule:${rule}`
  return `${grounds};${colors.join(';')}`
}

function hueRules(hue: string): string {
  return `.${hue}{--c:var(--${hue})}.${hue}.dashed,.${hue}.mixed{--c:var(--${hue}-other)}`
}

const RULES = `*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums}
main{max-width:72rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1,h2,p,figure,dl,dd,pre{margin:0}
.kicker{color:var(--muted);font-size:.875rem}
h1{font-size:clamp(1.5rem,4.2vw,2.25rem);line-height:1.2;font-weight:650;letter-spacing:-.01em;
margin:.25rem 0 .75rem;max-width:24em;text-wrap:balance}
h1.long{font-size:clamp(1.25rem,2.6vw,1.625rem);line-height:1.3;max-width:30em}
.verdict{max-width:46rem}
.remarks{margin-top:.75rem;color:var(--muted);font-size:.875rem;max-width:46rem}
h2{font-size:1.25rem;line-height:1.3;font-weight:650;margin:1.5rem 0 .125rem}
.lead{color:var(--muted);margin-bottom:.75rem;max-width:46rem}
small{font-size:.8125rem;color:var(--muted);font-weight:400}
.columns{columns:28rem 2;column-gap:1rem}
.columns>*{break-inside:avoid}
.card,.plot,.bars{margin-bottom:1rem}
.pair{display:grid;column-gap:1rem;
grid-template-columns:repeat(auto-fit,minmax(min(100%,28rem),1fr))}
.narrow{max-width:46rem}
.card,.plot,.bars{background:var(--card);border:1px solid var(--rule);border-radius:8px;
padding:.875rem 1rem 1rem;min-width:0}
figcaption{font-weight:600;margin-bottom:.5rem}
.note,.unit{color:var(--muted);font-size:.8125rem}
table{border-collapse:collapse;width:100%;font-size:.875rem}
th,td{text-align:right;font-weight:400;padding:.3rem 0 .3rem .75rem;vertical-align:top}
th:first-child,td:first-child{text-align:left;padding-left:0}
thead th{color:var(--muted);font-size:.8125rem;vertical-align:bottom}
tbody tr{border-top:1px solid var(--rule)}
td small{display:block;white-space:nowrap}
.glance td:first-child small{display:inline}
.winner{white-space:nowrap}
.winner::before{content:"";display:inline-block;width:.625rem;height:.625rem;border-radius:2px;
margin-right:.375rem;background:var(--c)}
.winner.dashed::before{
background:repeating-linear-gradient(135deg,var(--c) 0 2px,transparent 2px 4px)}
.even{color:var(--muted)}
.row{display:flex;flex-wrap:wrap;align-items:baseline;column-gap:.5rem;padding:.25rem 0;
font-size:.875rem;line-height:1.25rem}
.row .name{flex:1;white-space:nowrap}
.row .track{flex:0 0 100%;margin-top:.125rem}
.track{position:relative;height:1.125rem;border-left:1px solid var(--muted)}
.bar{position:absolute;inset:0 auto 0 0;border-right:2px solid var(--c);overflow:hidden}
.bar::before{content:"";position:absolute;inset:0;background:var(--c);opacity:.34}
.dashed .bar::before,.mixed .bar::before{opacity:.5;
background:repeating-linear-gradient(135deg,var(--c) 0 2px,transparent 2px 6px)}
.dotted .bar::before{opacity:.2}
.bar.cut{border-right:0;-webkit-mask:linear-gradient(90deg,#000 85%,transparent);
mask:linear-gradient(90deg,#000 85%,transparent)}
.track i{position:absolute;top:50%;width:5px;height:5px;margin:-2.5px 0 0 -3px;border-radius:50%;
background:var(--c);box-shadow:0 0 0 1px var(--card)}
.frame{display:grid;grid-template-columns:3rem minmax(0,1fr);margin-right:.75rem;
font-size:.75rem;line-height:1rem;color:var(--muted)}
.frame .y-title,.frame .x-title{grid-column:2}
.frame .y-title{margin-bottom:.375rem}
.frame .x-title{text-align:right}
.y-ticks,.area,.x-ticks{position:relative}
.y-ticks span{position:absolute;right:.5rem;transform:translateY(50%);white-space:nowrap}
.x-ticks{grid-column:2;height:1.25rem}
.x-ticks span{position:absolute;top:.25rem;transform:translateX(-50%);white-space:nowrap}
.tall .area{height:15rem}
.strip .area{height:3.75rem}
.area svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
path{fill:none;vector-effect:non-scaling-stroke}
.grid{stroke:var(--rule);stroke-width:1}
.axis{stroke:var(--muted);stroke-width:1}
.mark{stroke:var(--ink);stroke-width:1;stroke-dasharray:2 3}
.curve{stroke:var(--c);stroke-width:2;stroke-linejoin:round}
.thin{stroke-width:1;opacity:.45}
.dot{stroke:var(--c);stroke-width:8;stroke-linecap:round}
.dashed .curve{stroke-dasharray:7 4}
.mixed .curve{stroke-dasharray:9 3 2 3}
.dotted .curve{stroke-dasharray:2 3}
.always-whole .curve{stroke-dasharray:none;stroke-width:1.5}
.always-whole .thin{stroke-width:1}
.swatch{white-space:nowrap}
.swatch svg{width:1.375rem;height:.625rem;margin-right:.375rem}
.legend{margin-top:.5rem}
.failures pre{overflow-x:auto;font-size:.75rem;margin:.25rem 0 .5rem}
.failures details{margin:0}.failures summary{font-weight:400}
.strip-box+.strip-box{margin-top:.625rem}
.strip-name{font-size:.8125rem;line-height:1rem;margin:.25rem 0 .5rem}
.marks{position:relative;height:1.25rem;margin:0 .75rem 0 3rem;font-size:.75rem;color:var(--muted)}
.marks span{position:absolute;transform:translateX(-50%);white-space:nowrap}
details{margin-top:1.5rem}
summary{cursor:pointer;font-weight:600}
.scroll{overflow-x:auto;margin-top:.75rem}
.scroll table{min-width:34rem}
.facts{display:grid;grid-template-columns:7rem minmax(0,1fr);gap:.25rem .75rem;font-size:.875rem;
margin-top:.5rem}
.facts dt{color:var(--muted)}
.facts dd{overflow-wrap:anywhere}
code{font:.8125rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.met::before{content:"\\2713\\a0"}.missed::before{content:"\\2717\\a0"}
.missed{font-weight:600}
.failures{border-left:3px solid var(--orange);padding-left:.75rem;margin-top:1rem;font-size:.875rem}
@media (min-width:40rem){main{padding:2.5rem 2rem 4rem}}
@media (max-width:40rem){
.glance tr{display:grid;grid-template-columns:1fr 1fr 1.4fr;padding:.25rem 0}
.glance td:first-child{grid-column:1/-1;padding-bottom:0}
.glance th:first-child{display:none}
.glance td:nth-child(2),.glance th:nth-child(2){text-align:left;padding-left:0}
.wide-only{display:none}
.facts{grid-template-columns:5.5rem minmax(0,1fr)}
.frame{grid-template-columns:2.625rem minmax(0,1fr)}
.marks{margin-left:2.625rem}
.card,.plot,.bars{padding:.75rem .75rem .875rem}}
@media print{body{background:none}.card,.plot,.bars{break-inside:avoid}}`
