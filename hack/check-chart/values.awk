# The table of values of a chart, from values.yaml: a line for each value that has a comment "# -- what it means", with the default
# that stands there, or that "# @default -- text" tells. Two spaces are one level.
BEGIN {
	print "| value | default | meaning |"
	print "|---|---|---|"
}
{ match($0, /^ */) }
# What stands below a value belongs to it.
name != "" && RLENGTH > depth { default_of = "see [values.yaml](values.yaml)"; next }
name != "" { row() }
/^ *# -- / { what = after("# -- "); next }
/^ *# @default -- / { told = after("# @default -- "); next }
/^ *[A-Za-z]+:/ {
	path[RLENGTH / 2] = after("")
	sub(/:.*/, "", path[RLENGTH / 2])
	if (what == "") next
	depth = RLENGTH
	name = path[0]
	for (level = 1; level <= depth / 2; level++) name = name "." path[level]
	default_of = "`" after(path[depth / 2] ": ") "`"
}
END { if (name != "") row() }
function after(begin) { return substr($0, RLENGTH + length(begin) + 1) }
function row() {
	gsub(/\|/, "\\|", what)
	print "| `" name "` | " (told == "" ? default_of : told) " | " what " |"
	name = what = told = ""
}
