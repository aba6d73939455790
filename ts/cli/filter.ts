#!/usr/bin/env node
import { runCommand } from './command.js';
import { filterCommand } from './filter-command.js';

await runCommand(() => filterCommand(process.argv.slice(2)));
