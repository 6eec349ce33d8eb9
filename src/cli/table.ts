/** Plain aligned columns: two blanks between them, nothing after the last. */
const cellCharsMax = 60;

export function renderTable(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headers, ...rows].map((row) => row.map(cell));
  const widths = headers.map((_, column) => Math.max(...lines.map((line) => [...(line[column] ?? '')].length)));
  return lines
    .map((line) =>
      line
        .map((text, column) => pad(text, widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What a file was called must not steer the terminal. */
function cell(text: string): string {
  const plain = [...text.replace(/\p{Cc}/gu, '?')];
  return plain.length > cellCharsMax ? `${plain.slice(0, cellCharsMax - 3).join('')}...` : plain.join('');
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(width - [...text].length);
}
