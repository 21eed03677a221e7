"""Speed and memory, measured: never part of the tests, for a machine that is busy with other things measures itself."""
