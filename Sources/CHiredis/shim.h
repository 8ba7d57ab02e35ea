// Only the reader and the command formatter are used: no sockets of hiredis's own.
#include <hiredis/hiredis.h>
#include <hiredis/read.h>
