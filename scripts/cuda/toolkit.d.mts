export interface Toolkit {
  readonly nvcc: string;
  readonly folder: string;
  /** 13.0 */
  readonly release: string;
  readonly from: string;
}

export function findToolkit(say?: (text: string) => void): Toolkit | undefined;
export function ownToolkit(): Toolkit | undefined;
