/** 12345 as "12,345". */
export const count = (value: number): string => value.toLocaleString('en');

/** "1 cell", "2 cells". @param one of them */
export const counted = (value: number, one: string): string => `${count(value)} ${one}${value === 1 ? '' : 's'}`;
