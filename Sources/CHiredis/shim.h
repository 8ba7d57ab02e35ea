// The library uses the reader alone: no sockets of hiredis's own.
#include <hiredis/hiredis.h>
#include <hiredis/read.h>
