/** The part of jstat that is used; it comes without types. */
declare module 'jstat' {
  const jstat: {
    readonly jStat: {
      /** Student's t distribution. */
      readonly studentt: {
        cdf(x: number, degrees: number): number;
        inv(p: number, degrees: number): number;
      };
    };
  };
  export = jstat;
}
