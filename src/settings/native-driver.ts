/**
 * Makes the driver of PostgreSQL ignore a variable with which it would load another implementation, one that this program cannot use
 * and does not install. Imported first, before the driver is loaded.
 */
Reflect.deleteProperty(process.env, 'NODE_PG_FORCE_NATIVE');
