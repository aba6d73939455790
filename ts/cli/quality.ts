#!/usr/bin/env node
import { runCommand } from './command.js';
import { qualityCommand } from './quality-command.js';

await runCommand(() => qualityCommand(process.argv.slice(2)));
