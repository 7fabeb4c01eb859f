__attribute__((visibility("default"))) int semel_test_gone(void);

int semel_test_gone(void)
{
	return 0;
}
