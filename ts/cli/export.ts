#!/usr/bin/env node
import { runCommand } from './command.js';
import { exportCommand } from './export-command.js';

await runCommand(() => exportCommand(process.argv.slice(2)));
