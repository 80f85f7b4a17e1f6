"""Queries in few steps: what a document selects is compiled once, and run without graphql-core's steps for each field.

    executor    where graphql-core hands an operation over, and the result goes back
    compiled    which operations are compiled, and how long that is kept
    compiler    a selection becomes functions; `showing` has these functions, `leaf` those for scalars and enums
    run         one run: what is awaited, what is resolved for many (`many`), what becomes of errors (`place`)
    records     lists that are shown straight from the rows that are read, with what is `wanted` of them; `together`
                shows a column at a time, and `rows` is how types say which columns a field is made of

Begin with `compiler.Compiler._selection` and `showing.select_of`: the rest is what these call.
"""
