import { parse } from 'csv-parse/sync';
import { messageOf, UserError } from '../base/errors.js';

/** The names of a csv's columns, in lower case. @throws UserError where the line is none of a csv */
export function columnsOf(header: Buffer, file: string): string[] {
  try {
    return (parse(header, { bom: true, trim: true })[0] ?? []).map((name) => name.toLowerCase());
  } catch (error) {
    throw new UserError(`${file} line 1 is no csv header: ${messageOf(error)}`);
  }
}
