// The build's entry: running it is running the command line.
import "./main.ts";
