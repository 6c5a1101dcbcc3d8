/* A program without anything that makes mistakes in memory hard to use, for scripts/check-elf to find fault with. */
int main(void)
{
	return 0;
}
