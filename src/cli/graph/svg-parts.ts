/**
 * The few shapes a drawing is made of, as SVG.
 *
 * Guarantees: what comes from a configuration is escaped; one font of fixed width, so that a line's width is known without a library; colours
 * are classes with a light and a dark meaning, light where a viewer knows neither.
 */
export const charWidth = 7.25;
export const lineHeight = 17;
const fontSize = 12;

const light = {
  page: '#ffffff',
  lane: '#f6f8fa',
  rule: '#d0d7de',
  card: '#ffffff',
  edge: '#6e7781',
  ink: '#1f2328',
  faint: '#59636e',
  gate: '#fff3bf',
  good: '#dafbe1',
  stop: '#ffe3e0',
  stopped: '#cf222e',
  badge: '#0969da',
};
type Colour = keyof typeof light;

const dark: Readonly<Record<Colour, string>> = {
  page: '#0d1117',
  lane: '#161b22',
  rule: '#3d444d',
  card: '#212830',
  edge: '#9198a1',
  ink: '#f0f6fc',
  faint: '#b1bac4',
  gate: '#4b3a0a',
  good: '#12422b',
  stop: '#5d1f23',
  stopped: '#ff7b72',
  badge: '#1f6feb',
};

function rules(colours: Readonly<Record<Colour, string>>): string {
  const fills = Object.entries(colours).map(([name, value]) => `.${name}{fill:${value}}.${name}-line{stroke:${value};fill:none}`);
  return `${fills.join('')}.box{stroke:${colours.edge}}.lane{stroke:${colours.rule}}.broken{stroke:${colours.stopped}}`;
}

/** A whole file; sizes in pixels. */
export function svgPage(width: number, height: number, title: string, body: readonly string[]): string {
  const fonts = `font:${fontSize}px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace`;
  const style = `text{${fonts};white-space:pre}.bold{font-weight:bold}.small{font-size:11px}${rules(light)}@media(prefers-color-scheme:dark){${rules(dark)}}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${style}</style>`,
    `<defs>${arrowHead('edge')}${arrowHead('stopped')}</defs>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...body,
    '</svg>\n',
  ].join('\n');
}

function arrowHead(colour: 'edge' | 'stopped'): string {
  const size = 'markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto" markerUnits="userSpaceOnUse"';
  return `<marker id="to-${colour}" ${size}><path class="${colour}" d="M0,0L9,4L0,8Z"/></marker>`;
}

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export function rect({ x, y, width, height }: Area, classes: string, radius = 4): string {
  return `<rect class="${classes}" x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" rx="${radius}"/>`;
}

/** `y` is the base line. */
export function text(x: number, y: number, words: string, classes = 'ink'): string {
  return `<text class="${classes}" x="${at(x)}" y="${at(y)}">${escaped(words)}</text>`;
}

/** `d` without its arrow head. */
export function edge(d: string, colour: 'edge' | 'stopped' = 'edge', dashed = false): string {
  const dashes = dashed ? ' stroke-dasharray="5 4"' : '';
  return `<path class="${colour}-line" stroke-width="1.4"${dashes} marker-end="url(#to-${colour})" d="${d}"/>`;
}

export function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** At most `lines` lines of `chars` characters, broken at blanks where there are some; what is cut ends in three dots. */
export function wrapped(words: string, chars: number, lines = 6): string[] {
  const all: string[] = [];
  for (let rest = words.trim(); rest !== ''; ) {
    const blank = rest.length <= chars ? rest.length : rest.lastIndexOf(' ', chars);
    const cut = blank > chars / 3 ? blank : chars;
    all.push(rest.slice(0, cut).trimEnd());
    rest = rest.slice(cut).trimStart();
  }
  if (all.length <= lines) return all;
  return [...all.slice(0, lines - 1), `${(all[lines - 1] ?? '').slice(0, chars - 3)}...`];
}

function escaped(words: string): string {
  const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return words.replace(/\p{Cc}|\p{Cs}|\uFFFE|\uFFFF/gu, '?').replace(/[&<>"]/g, (character) => entities[character] ?? '');
}
