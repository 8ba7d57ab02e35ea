#include "CCelerySystem.h"
