"""Jobs and changes, followed from a program: handles that wait, iterators that go on."""
