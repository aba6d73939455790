import sharp from 'sharp';
import { escapeXml } from './xml.js';

export interface ImageGridOptions {
  /** Side of every image in pixels. */
  size: number;
  channels: 1 | 3;
  columns: number;
  /** Whole number by which pixels are repeated. Default 1. */
  scale?: number;
  /** Pixels between images. Default 2. */
  gap?: number;
  /** A line of text over the grid. */
  title?: string;
  /** One text to the left of each row; '' leaves a row without. */
  rowLabels?: readonly string[];
  /** One text over each column. */
  columnLabels?: readonly string[];
  /** Rows before which a wider gap is left. */
  breaks?: readonly number[];
}

const paper = 255;
const fontSize = 12;
const lineHeight = 18;
/** DejaVu Sans, the widest of the usual sans fonts, takes 0.65 em a letter. */
const letterWidth = fontSize * 0.65;

/**
 * Lays square images out row by row on white and encodes the sheet as PNG.
 * @param images pixels of each image, size * size * channels bytes, row by row, channels last
 * @throws RangeError when an image has another length, or there is none
 */
export async function imageGrid(images: readonly Uint8Array[], options: ImageGridOptions): Promise<Uint8Array> {
  const { size, channels, columns, scale = 1, gap = 2, title, rowLabels, columnLabels, breaks = [] } = options;
  if (images.length === 0 || columns < 1)
    throw new RangeError('An image grid needs at least one image and one column.');
  for (const [i, image] of images.entries())
    if (image.length !== size * size * channels)
      throw new RangeError(`Image ${i} has ${image.length} bytes, not ${size} x ${size} x ${channels}.`);

  const rows = Math.ceil(images.length / columns);
  const side = size * scale;
  const margin = Math.max(gap, 2);
  const left = margin + (rowLabels ? Math.ceil(letterWidth * Math.max(...rowLabels.map((t) => t.length))) + 8 : 0);
  const titleBottom = margin + (title ? lineHeight : 0);
  const top = titleBottom + (columnLabels ? lineHeight : 0);
  const breakGap = 4 * gap + 4;
  const rowTop = (row: number) =>
    top + row * (side + gap) + breaks.filter((at) => at > 0 && at <= row).length * breakGap;
  const width = left + columns * (side + gap) - gap + margin;
  const height = rowTop(rows - 1) + side + margin;

  const canvas = new Uint8Array(width * height * channels).fill(paper);
  for (const [i, image] of images.entries()) {
    const x0 = left + (i % columns) * (side + gap);
    const y0 = rowTop(Math.floor(i / columns));
    for (let y = 0; y < side; y++) {
      const from = Math.floor(y / scale) * size;
      for (let x = 0; x < side; x++) {
        const source = (from + Math.floor(x / scale)) * channels;
        const target = ((y0 + y) * width + x0 + x) * channels;
        for (let c = 0; c < channels; c++) canvas[target + c] = image[source + c]!;
      }
    }
  }

  const texts: string[] = [];
  const text = (x: number, y: number, anchor: string, value: string) =>
    texts.push(`<text x="${x}" y="${y}" text-anchor="${anchor}">${escapeXml(value)}</text>`);
  if (title) text(margin, margin + fontSize, 'start', title);
  rowLabels?.slice(0, rows).forEach((label, row) => text(left - 8, rowTop(row) + side / 2 + 4, 'end', label));
  columnLabels
    ?.slice(0, columns)
    .forEach((label, column) => text(left + column * (side + gap) + side / 2, titleBottom + fontSize, 'middle', label));

  const sheet = sharp(canvas, { raw: { width, height, channels } });
  if (texts.length === 0) return sheet.png().toBuffer();
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `font-family="sans-serif" font-size="${fontSize}" fill="#222">${texts.join('')}</svg>`;
  return sheet
    .composite([{ input: Buffer.from(svg), left: 0, top: 0 }])
    .png()
    .toBuffer();
}

/**
 * Network output to bytes: -1..1 becomes 0..255, rounded, clamped; NaN becomes 0.
 * The inverse of how images are read (byte / 127.5 - 1).
 */
export function toBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.length);
  for (let i = 0; i < values.length; i++) bytes[i] = Math.max(0, Math.min(255, Math.round((values[i]! + 1) * 127.5)));
  return bytes;
}
