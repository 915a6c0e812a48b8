#include "copymc.h"
