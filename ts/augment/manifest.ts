/** The file that every output folder holds. */
export const manifestName = 'manifest.csv';

/**
 * Its columns, a row for each face: `source` says where the face that it was made from stands,
 * `source_sha256` is the digest of that face's pixels; flip and shifts came before the translation;
 * `sha256` is what the writer of the faces says.
 */
export const manifestColumns = [
  'file',
  'source',
  'source_sha256',
  'class',
  'seed',
  'flip',
  'shift_x',
  'shift_y',
  'sha256',
] as const;
