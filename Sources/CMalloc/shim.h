// The settings of the allocator, which the module Glibc leaves out.
#include <malloc.h>
