// Only the reader is used: no sockets of hiredis's own.
#include <hiredis/hiredis.h>
#include <hiredis/read.h>
