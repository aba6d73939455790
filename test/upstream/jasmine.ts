/** What this folder uses of jasmine-core, which brings no types. */
export interface Result {
  status: string;
  fullName: string;
  failedExpectations: { message: string; stack: string }[];
}

export interface JasmineEnv {
  configure(options: { random: boolean; specFilter: (spec: { getFullName(): string }) => boolean }): void;
  addReporter(reporter: { specDone(result: Result): void; suiteDone(result: Result): void }): void;
  execute(): Promise<unknown>;
}

export interface Jasmine {
  getEnv(): JasmineEnv;
}
