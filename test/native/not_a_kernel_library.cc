// A shared object that opens and exports nothing that a kernel library must.
extern "C" int rareface_nothing() { return 0; }
