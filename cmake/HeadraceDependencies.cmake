# What several folders use; a library that one folder uses alone is found there.
find_package(TBB REQUIRED)
include(HeadraceDnnl)
