"""One page that shows a result: its data as JSON, and the script that draws them, in one file that opens offline."""
