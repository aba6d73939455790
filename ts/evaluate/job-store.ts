import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, UserError } from '../base/errors.js';
import { makeFolder, writeAtomic } from '../base/files.js';
import { jobHash, resultSchema, type Job, type JobResult } from './job.js';

/** Finished jobs, a file each: `<folder>/jobs/<hash>.json` is there whole or not at all. */
export class JobStore {
  private constructor(private readonly folder: string) {}

  static async open(folder: string): Promise<JobStore> {
    const jobs = join(folder, 'jobs');
    await makeFolder(jobs);
    return new JobStore(jobs);
  }

  fileOf(job: Job): string {
    return join(this.folder, `${jobHash(job)}.json`);
  }

  /**
   * What the job gave, or undefined where it has not finished yet.
   * @throws UserError for a file that is not what {@link write} writes
   */
  async read(job: Job): Promise<JobResult | undefined> {
    const file = this.fileOf(job);
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new UserError(`Cannot read the result ${file}: ${messageOf(error)}`);
    }
    try {
      const result = resultSchema.parse(JSON.parse(text));
      if (result.hash === jobHash(job) && jobHash(result.job) === result.hash) return result;
    } catch {
      // Said below.
    }
    throw new UserError(`${file} is no result of the fit that it is named after: delete it, and it is done again.`);
  }

  async write(result: JobResult): Promise<void> {
    await writeAtomic(join(this.folder, `${result.hash}.json`), `${JSON.stringify(result)}\n`);
  }
}
