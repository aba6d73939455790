import { relative } from 'node:path';
import { escapeControls } from '../base/errors.js';
import { count } from '../base/text.js';

/** A path as short as it can be: relative to the current folder where it lies inside. */
export function shownPath(path: string): string {
  const inside = relative('', path);
  return inside.startsWith('..') ? path : inside || '.';
}

const shownSkips = 5;

/** How many rows or files of the data were skipped, and the first of them; no line for none. */
export function skippedLines(skipped: readonly string[]): string[] {
  if (skipped.length === 0) return [];
  const rest = skipped.length - shownSkips;
  return [
    `Skipped ${count(skipped.length)}:`,
    ...skipped.slice(0, shownSkips).map((line) => `  ${escapeControls(line)}`),
    ...(rest > 0 ? [`  and ${count(rest)} more`] : []),
  ];
}

/** Columns of text, all but the first to the right. */
export function alignedColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  );
}
