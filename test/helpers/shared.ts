import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../shared/', import.meta.url));

/**
 * A file of the development data that lies beside a checkout and is not part of the product, or
 * undefined where it is missing: tests that want it skip, and say so.
 */
export function sharedFile(path: string): string | undefined {
  const file = root + path;
  if (existsSync(file)) return file;
  console.warn(`skipped: ${path} of the development data is not here`);
  return undefined;
}
