// Our version, as sent in Login and printed by --version. A constant, so that nothing is read at
// run time; a test keeps it equal to package.json.

export const VERSION: string = '0.1.0'
